import { memo, type ReactNode } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import { Link } from "react-router";
import remarkGfm from "remark-gfm";
import remarkMath from "remark-math";
import { CodeBlock } from "../components/CodeBlock";
import { TeX } from "../components/TeX";
import { languageOf } from "../lib/highlight";

const PLUGINS = [remarkGfm, remarkMath];
/** Models set display maths on one line of its own; the parser wants its fences on lines of their own. */
const ONE_LINE_DISPLAY = /^\$\$([^\n$]+)\$\$[ \t]*$/gm;

const components: Components = {
  // Block code brings its own frame.
  pre: ({ children }) => <>{children}</>,
  code: ({ className, children }) => {
    const text = textOf(children);
    if (className?.includes("math-display")) return <TeX tex={text} display />;
    if (className?.includes("math-inline")) return <TeX tex={text} display={false} />;
    const language = languageOf(className ?? "");
    if (language !== null || text.endsWith("\n")) return <CodeBlock code={text.replace(/\n$/, "")} language={language} />;
    return <code>{children}</code>;
  },
  a: ({ href = "", children }) =>
    href.startsWith("/") && !href.startsWith("//") ? (
      <Link to={href}>{children}</Link>
    ) : (
      <a href={href} target="_blank" rel="noopener noreferrer">
        {children}
      </a>
    ),
  // Only the site's own images may be shown; another's address would also tell it who is reading.
  img: ({ src, alt = "" }) =>
    typeof src === "string" && src.startsWith("/api/") ? <img src={src} alt={alt} loading="lazy" /> : <em>{alt}</em>,
  table: ({ children }) => (
    <div className="table-scroll">
      <table>{children}</table>
    </div>
  ),
};

const Markdown = memo(function Markdown({ text }: { text: string }) {
  return (
    <ReactMarkdown remarkPlugins={PLUGINS} components={components}>
      {text.replace(ONE_LINE_DISPLAY, "$$$$\n$1\n$$$$")}
    </ReactMarkdown>
  );
});

export default Markdown;

function textOf(node: ReactNode): string {
  if (typeof node === "string") return node;
  return Array.isArray(node) ? node.map((child: ReactNode) => textOf(child)).join("") : "";
}
