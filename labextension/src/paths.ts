// A notebook's path, as the server says it: of its contents, or absolute where it is elsewhere.

// Whether this server can't open it.
export function isElsewhere(notebook: string): boolean {
  return /^(\/|[A-Za-z]:)/.test(notebook);
}

// What a narrow column shows of it.
export function fileName(notebook: string): string {
  return notebook.split(/[\\/]/).pop() ?? "";
}
