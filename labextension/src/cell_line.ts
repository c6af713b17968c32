// A cell's text, and the edit that has it run at another endpoint, or in the kernel.

import { TAKES_VALUE } from "./messages";

export interface Edit {
  from: number;
  to: number;
  text: string;
}

const SETS_UP = /^\s*(%gc\b|%(re)?load_ext\s+gc_jupyter\b)/m;
const CLOSING: Record<string, string> = { "(": ")", "[": "]", "{": "}" };

// `name` is as the magics accept it; null means the kernel. Returns a sentence if the edit isn't possible.
export function runOn(source: string, name: string | null): Edit | string {
  const from = source.search(/\S|$/); // IPython skips empty lines
  const line = source.slice(from).split("\n", 1)[0]!;
  const magic = /^%%\S*/.exec(line)?.[0] ?? "";
  if (magic === "%%gcrun" || magic === "%%gcshell") {
    return name === null ? intoKernel(source, from, line, magic) : renamed(from, line, magic, name);
  }
  if (magic) {
    return `The cell begins with ${magic}, which runs it in its own way.`;
  }
  if (SETS_UP.test(source)) {
    return "The cell sets up this notebook: it runs in the kernel.";
  }
  return name === null ? "The cell runs in the kernel already." : { from: 0, to: from, text: `%%gcrun ${name}\n` };
}

function intoKernel(source: string, from: number, line: string, magic: string): Edit {
  const end = from + line.length;
  return magic === "%%gcshell"
    ? { from, to: end, text: "%%bash" }
    : { from, to: Math.min(end + 1, source.length), text: "" };
}

function renamed(from: number, line: string, magic: string, name: string): Edit {
  const given = words(line);
  for (let at = 1; at < given.length; at++) {
    const { start, text } = given[at]!;
    if (!text.startsWith("-")) {
      return { from: from + start, to: from + start + text.length, text: name };
    }
    at += Number(TAKES_VALUE.includes(text));
  }
  const end = from + magic.length;
  return { from: end, to: end, text: ` ${name}` };
}

// The parts between spaces, as `split` in magics/line.py returns them. Spaces in quotes or brackets don't separate.
function words(line: string): { start: number; text: string }[] {
  const found: { start: number; text: string }[] = [];
  let [start, closing, quote] = [-1, "", ""];
  for (let at = 0; at <= line.length; at++) {
    const char = line[at] ?? " ";
    if (at === line.length || (!quote && !closing && /\s/.test(char))) {
      if (start >= 0) {
        found.push({ start, text: line.slice(start, at) });
      }
      start = -1;
      continue;
    }
    start = start < 0 ? at : start;
    if (quote) {
      quote = char === quote ? "" : quote;
    } else if (char === '"' || char === "'") {
      quote = char;
    } else if (CLOSING[char]) {
      closing += CLOSING[char];
    } else if (closing.endsWith(char)) {
      closing = closing.slice(0, -1);
    }
  }
  return found;
}
