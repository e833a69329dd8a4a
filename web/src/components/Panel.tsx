import { useId, type ReactNode } from "react";

interface PanelProps {
  title: string;
  /** The anchor of the section. */
  id?: string;
  children: ReactNode;
}

/** One subject of a page with several. */
export function Panel({ title, id, children }: PanelProps) {
  const heading = useId();
  return (
    <section className="card panel" id={id} aria-labelledby={heading}>
      <h2 id={heading}>{title}</h2>
      {children}
    </section>
  );
}
