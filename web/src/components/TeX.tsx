import { useEffect, useState } from "react";
import { typeset } from "../lib/maths";

/** A formula; its source stands in for it until the typesetter is there. */
export function TeX({ tex, display }: { tex: string; display: boolean }) {
  const [html, setHtml] = useState<string | null>(null);

  useEffect(() => {
    let current = true;
    typeset(tex, display)
      .then((result) => {
        if (current) setHtml(result);
      })
      .catch(() => undefined);
    return () => {
      current = false;
    };
  }, [tex, display]);

  const className = display ? "math math-display" : "math math-inline";
  if (html === null) return <span className={className}>{tex}</span>;
  return <span className={className} dangerouslySetInnerHTML={{ __html: html }} />;
}
