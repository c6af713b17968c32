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
// `TaskTableState.endpoints`. Times are milliseconds since `TaskTableState.origin`. `text` is a
// preview of the result or the last line of the error, and while the task runs its last line of
// output. `progress` is how much is done, and of how much (null: unknown).
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

// `origin` is unix seconds; `counts` goes with STATES; `seq` counts the updates sent.
export interface TaskTableState {
  kind: "task_table";
  title: string;
  origin: number;
  size: number;
  endpoints: string[];
  counts: number[];
  seq: number;
  can_rerun: boolean;
}

// `why` says what the login is for, `after` what happens once it is done; `message` what went
// wrong, or who is signed in.
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

// Front end to kernel: these pages are looked at. Their news go first from now on.
export interface View {
  type: "view";
  pages: number[];
}

// Front end to kernel: the whole result or traceback of a row, please; what a task that runs
// has printed so far.
export interface Show {
  type: "show";
  request: string;
  row: number;
}

// Kernel to front end: what `Show` asked for. Every view gets it; one has made the request.
export interface Shown {
  type: "shown";
  request: string;
  row: number;
  text: string;
}

// Front end to kernel: submit a row's task once more.
export interface Rerun {
  type: "rerun";
  row: number;
}

// Front end to kernel: stop a row's task, or all tasks that are open (null). The answer is a
// question at first; `sure` says that the user has said yes to it.
export interface Stop {
  type: "stop";
  request: string;
  row: number | null;
  sure: boolean;
}

// Kernel to front end, to `Stop` and to `StopTasks`: a question, with the words of the answer
// that stops them; where there is nothing to answer, what was done, or why nothing can be.
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

// Front end to kernel: the code that the login page has shown. Never part of the state.
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

// What an output shows: MIME types and texts, and its metadata.
export interface OutputNow {
  data: Record<string, unknown>;
  metadata: Record<string, unknown>;
}

export type FromFrontEnd = Need | View | Show | Rerun | Stop | Code;
