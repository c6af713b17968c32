// A notebook cell's source and output as plain text.

interface Output {
  output_type?: unknown;
  text?: unknown;
  data?: Record<string, unknown>;
  traceback?: unknown;
}

export interface CellText {
  source: string;
  output: string;
}

const ESCAPES = /\u001b\[[0-9;]*[A-Za-z]/g;

// A cell in the form of nbformat.
export function cellText(cell: { source?: unknown; outputs?: unknown }): CellText {
  const outputs = Array.isArray(cell.outputs) ? (cell.outputs as Output[]) : [];
  return { source: joined(cell.source), output: outputs.map(textOf).join("").replace(ESCAPES, "").trimEnd() };
}

function textOf({ text, data, traceback }: Output): string {
  const said = joined(text) || joined(data?.["text/plain"]);
  const lines = Array.isArray(traceback) ? traceback.map(String).join("\n") : said;
  return lines && !lines.endsWith("\n") ? `${lines}\n` : lines;
}

// nbformat writes a text as one string or as a list of lines.
function joined(text: unknown): string {
  return Array.isArray(text) ? text.map(String).join("") : typeof text === "string" ? text : "";
}
