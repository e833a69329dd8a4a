/** Decorative line icons; whatever they stand for is said by the control's label. */

const PATHS = {
  arrowLeft: "M19 12H5m6-6-6 6 6 6",
  arrowRight: "M5 12h14m-6-6 6 6-6 6",
  chat: "M21 12a8 8 0 0 1-8 8H4l2-3.2A8 8 0 1 1 21 12Z",
  check: "m5 12.5 4.5 4.5L19 7.5",
  cloudOff: "M8 18h9.500a4 4 0 0 0 1.700-7.600A6.500 6.500 0 0 0 9.500 6.500M6 9.800A4.200 4.200 0 0 0 7.500 18M4 4l16 16",
  close: "M6 6l12 12M18 6 6 18",
  history: "M4 12a8 8 0 1 0 2.5-5.8M4 4v4h4m4 0v4.5l3 1.5",
  lock: "M7 11V8a5 5 0 0 1 10 0v3M5.5 11h13v9h-13Z",
  eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12Zm6.500 0a3 3 0 1 0 6 0 3 3 0 0 0-6 0",
  mail: "M4 6h16v12H4Zm0 1 8 6 8-6",
  plus: "M12 5v14M5 12h14",
  quote: "M10 7H5v6h4v1a3 3 0 0 1-3 3m13-10h-5v6h4v1a3 3 0 0 1-3 3",
  send: "M12 19V5m-6 6 6-6 6 6",
  stop: "M7 7h10v10H7Z",
  book: "M12 6.5C10 5 7 4.5 4 5v13c3-.5 6 0 8 1.500 2-1.500 5-2 8-1.500V5c-3-.5-6 0-8 1.500Zm0 0v13",
};

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
