// A mail server: every mail becomes one line of JSON on standard output. With a second port it also
// answers `GET /?to=<address>` with the mails to that address so far, the oldest first.
import { createServer } from 'node:http';
import { SMTPServer } from 'smtp-server';

const [port, httpPort] = process.argv.slice(2).map(Number);
const mails = [];

const server = new SMTPServer({
  disabledCommands: ['AUTH', 'STARTTLS'],
  onData(stream, session, done) {
    const pieces = [];
    stream.on('data', (piece) => pieces.push(piece));
    stream.on('end', () => {
      const raw = Buffer.concat(pieces).toString('utf8');
      const subject = header(raw, 'subject');
      for (const { address: to } of session.envelope.rcptTo) {
        mails.push({ to, subject, text: part(raw, 'text/plain'), html: part(raw, 'text/html') });
        console.log(JSON.stringify({ to, subject, text: body(raw) }));
      }
      done();
    });
  },
});
server.on('error', (error) => {
  console.error(error);
  process.exit(1);
});
server.listen(port, '127.0.0.1');

if (httpPort) {
  createServer((request, response) => {
    const to = new URL(request.url, 'http://localhost').searchParams.get('to');
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(mails.filter((mail) => mail.to === to)));
  }).listen(httpPort, '127.0.0.1');
}

function header(raw, name) {
  const head = raw.split('\r\n\r\n', 1)[0].replace(/\r\n[ \t]+/g, ' ');
  const line = head.split('\r\n').find((one) => one.toLowerCase().startsWith(`${name}:`));
  return line ? line.slice(name.length + 1).trim() : '';
}

// The text of a mail: soft line breaks of quoted-printable are joined, base64 is decoded.
function body(raw) {
  const parts = raw.split(/\r\n--[^\r\n]+/);
  return parts.map((part) => decode(part)).join('\n');
}

// The decoded part of one type; empty when there is none.
function part(raw, type) {
  const parts = raw.split(/\r\n--[^\r\n]+/);
  const wanted = parts.find((one) => {
    const head = one.replace(/^\r\n/, '').split('\r\n\r\n', 1)[0];
    return new RegExp(`^content-type:\\s*${type}`, 'im').test(head);
  });
  return wanted === undefined ? '' : decode(wanted);
}

function decode(part) {
  const [head, ...rest] = part.replace(/^\r\n/, '').split('\r\n\r\n');
  const text = rest.join('\r\n\r\n');
  if (/content-transfer-encoding:\s*base64/i.test(head)) {
    return Buffer.from(text, 'base64').toString('utf8');
  }
  if (/content-transfer-encoding:\s*quoted-printable/i.test(head)) {
    const joined = text.replace(/=\r\n/g, '');
    return Buffer.from(joined.replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16))), 'latin1').toString('utf8');
  }
  return text;
}
