// A mail server: every mail becomes one line of JSON on standard output. With a second port it also
// answers `GET /?to=<address>` with the mails to that address so far, the oldest first.
import { createServer } from 'node:http';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';

const [port, httpPort] = process.argv.slice(2).map(Number);
const mails = [];

const server = new SMTPServer({
  disabledCommands: ['AUTH', 'STARTTLS'],
  onData(stream, session, done) {
    const pieces = [];
    stream.on('data', (piece) => pieces.push(piece));
    stream.on('end', () => {
      PostalMime.parse(Buffer.concat(pieces)).then(({ subject = '', text = '', html = '' }) => {
        for (const { address: to } of session.envelope.rcptTo) {
          mails.push({ to, subject, text, html });
          console.log(JSON.stringify({ to, subject, text }));
        }
        done();
      }, done);
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
