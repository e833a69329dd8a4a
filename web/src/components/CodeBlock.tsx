import { useEffect, useState } from "react";
import { highlight } from "../lib/highlight";
import { CopyButton } from "./CopyButton";

interface Highlighted {
  code: string;
  html: string | null;
}

export function CodeBlock({ code, language }: { code: string; language: string | null }) {
  const [highlighted, setHighlighted] = useState<Highlighted | null>(null);

  useEffect(() => {
    if (language === null) return;
    let current = true;
    highlight(code, language)
      .then((html) => {
        if (current) setHighlighted({ code, html });
      })
      .catch(() => undefined);
    return () => {
      current = false;
    };
  }, [code, language]);

  const html = highlighted?.code === code ? highlighted.html : null;
  return (
    <div className="code">
      <div className="code-bar">
        <span>{language ?? "text"}</span>
        <CopyButton text={code} label="Copy code" />
      </div>
      <pre>{html === null ? <code>{code}</code> : <code dangerouslySetInnerHTML={{ __html: html }} />}</pre>
    </div>
  );
}
