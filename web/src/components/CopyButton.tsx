import { useEffect, useState } from "react";
import { copyText } from "../lib/copy";

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);

  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);

  return (
    <button type="button" className="copy" aria-label={label} onClick={() => void copyText(text).then(setCopied)}>
      {copied ? "Copied" : "Copy"}
    </button>
  );
}
