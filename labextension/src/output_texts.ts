// The texts that are added to saved outputs.

export const VIEW = "application/vnd.jupyter.widget-view+json";

// As static_table.py writes it.
export function asOf(milliseconds: number): string {
  return `as of ${new Date(milliseconds).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

// A paragraph with this text, whatever it is.
export function asHtml(text: string): string {
  const paragraph = document.createElement("p");
  paragraph.textContent = text;
  return paragraph.outerHTML;
}
