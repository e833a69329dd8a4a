import "katex/dist/katex.css";

export * as katex from "katex";
