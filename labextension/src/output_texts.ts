// The texts that are added to saved outputs.

export const VIEW = "application/vnd.jupyter.widget-view+json";

// The same text as in static_table.py.
export function asOf(milliseconds: number): string {
  return `as of ${new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

// A paragraph with this text, which is never markup.
export function asHtml(text: string): string {
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  return paragraph.outerHTML;
}
