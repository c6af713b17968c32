// What travels between the two halves of a widget.
// Written by generate_messages.py from gc_jupyter/widgets/messages.py: change it there.

export const STATES = [
  "unsent",
  "waiting for request limit",
  "not confirmed",
  "waiting for endpoint",
  "endpoint offline",
  "waiting for nodes",
  "waiting for a worker",
  "running",
  "success",
  "failed",
  "cancelled",
] as const;
export const PAGE_ROWS = 100;
export const OUTPUTS_TARGET = "gc_jupyter.outputs";
export const SAVED = "-saved";
export const STOP_TARGET = "gc_jupyter.stop";
export const LASTING_VIEW = "application/vnd.gc-jupyter.lasting-view+json";

// A row travels as a list of these fields. `state` is an index into STATES, `endpoint` one into
// `TaskTableState.endpoints`. Times are milliseconds since `TaskTableState.origin`. `text` is the
// last line of output while the task runs, and then a preview of the result or the last line of
// the error. `progress` is the amount done and the total (null if unknown).
export type Row = [
  state: number,
  label: string,
  endpoint: number,
  submitted: number | null,
  started: number | null,
  ended: number | null,
  task_id: string,
  text: string,
  progress: [number | null, number | null] | null,
];

export const FIELD = {
  state: 0,
  label: 1,
  endpoint: 2,
  submitted: 3,
  started: 4,
  ended: 5,
  task_id: 6,
  text: 7,
  progress: 8,
} as const;

// A table's state. `origin` is in unix seconds, `counts` has the order of STATES, and `seq`
// counts the updates that were sent. `run` is the run of a cell that all its tasks are of, as
// the page of runs names it; empty where there is no one run.
export interface TaskTableState {
  kind: "task_table";
  title: string;
  origin: number;
  size: number;
  endpoints: string[];
  counts: number[];
  seq: number;
  can_rerun: boolean;
  run: string;
}

// A login's state. `why` is the purpose, `after` what happens after the login, and `message` an
// error or who is signed in.
export interface LoginState {
  kind: "login";
  url: string;
  why: string;
  after: string;
  status: "waiting" | "checking" | "signed in" | "failed";
  message: string;
}

// Front end to kernel: send these pages again, and all of them if `seq` isn't the newest.
export interface Need {
  type: "need";
  pages: number[];
  seq: number;
}

// Front end to kernel: the user looks at these pages. Their news go first from now on.
export interface View {
  type: "view";
  pages: number[];
}

// Front end to kernel: send a row's whole result or traceback, or what a running task has
// printed so far.
export interface Show {
  type: "show";
  request: string;
  row: number;
}

// Kernel to front end: the answer to `Show`. Every view gets it, and one had asked.
export interface Shown {
  type: "shown";
  request: string;
  row: number;
  text: string;
}

// Front end to kernel: run a row's task again.
export interface Rerun {
  type: "rerun";
  row: number;
}

// Front end to kernel: stop a row's task, or all open tasks (null). The first answer is a
// question. `sure` says that the user has answered yes.
export interface Stop {
  type: "stop";
  request: string;
  row: number | null;
  sure: boolean;
}

// Kernel to front end, the answer to `Stop` and `StopTasks`: a question with the label of the
// button that says yes. Without that label, it says what was done or why nothing can be done.
export interface Stopping {
  type: "stopping";
  request: string;
  text: string;
  answer: string;
}

// Panel to kernel: stop the open ones of these tasks, and of the tasks of the cells with these
// execution counts. `request` and `sure` are as of `Stop`; the answer is a `Stopping`.
export interface StopTasks {
  request: string;
  tasks: string[];
  cells: number[];
  sure: boolean;
}

// Front end to kernel: the code that the login page has shown. It is never part of the
// state.
export interface Code {
  type: "code";
  code: string;
}

// An output's own metadata, `gc_jupyter`. `live` says that it may change; `as_of` is the text
// in it that tells its time; `ended` is to be added when the kernel has ended meanwhile; `again`
// asks for its cell to be run once more, now that somebody has signed in.
export interface OutputMark {
  output?: string;
  live?: boolean;
  as_of?: string;
  ended?: string;
  again?: boolean;
}

// An output's present content: texts by MIME type, and metadata.
export interface OutputNow {
  data: Record<string, unknown>;
  metadata: Record<string, unknown>;
}

export type FromFrontEnd = Need | View | Show | Rerun | Stop | Code;
