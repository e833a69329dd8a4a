let loading: Promise<typeof import("katex")> | null = null;

/** TeX as HTML and MathML; the typesetter and its fonts are loaded with the first formula. */
export async function typeset(tex: string, display: boolean): Promise<string> {
  loading ??= import("./katex").then((module) => module.katex);
  const katex = await loading;
  return katex.renderToString(tex, { displayMode: display, throwOnError: false, errorColor: "currentColor" });
}
