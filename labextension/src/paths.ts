// A notebook's path, as the journal has it, and as the server's contents have it.

// Kernels know absolute paths; the server shows what is below its root. Null: it isn't below it.
export function contentsPath(notebook: string, root: string): string | null {
  const path = notebook.replace(/\\/g, "/");
  if (!/^(\/|[A-Za-z]:)/.test(path)) {
    return path; // it is relative to the root already
  }
  const base = root.replace(/\\/g, "/").replace(/\/+$/, "");
  return base !== "" && path.startsWith(`${base}/`) ? path.slice(base.length + 1) : null;
}

// What a narrow column shows of it.
export function fileName(notebook: string): string {
  return notebook.split(/[\\/]/).pop() ?? "";
}
