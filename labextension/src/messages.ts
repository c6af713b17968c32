// What travels between the two halves of the lab extension.
// Written by generate_messages.py from gc_jupyter/server/messages.py: change it there.

export const NAMESPACE = "gc-jupyter";
export const TASKS_CHANGED = "https://schema.gc-jupyter.org/tasks/v1";
export const PAGE_ROWS = 200;
// The options of %%gcrun and %%gcshell that take a value.
export const TAKES_VALUE = [
  "-o",
  "--out",
  "--keep",
  "-i",
  "--in",
  "--map",
  "--tb-limit",
  "--walltime",
  "--future",
  "--timeout",
  "--on-interrupt",
  "--progress-after",
  "--label",
  "--workers",
  "--resources",
  "--config",
  "--amqp-port",
];

// A row, as an object. Times are unix seconds. `notebook` is a path of the server's contents,
// or an absolute one where it is elsewhere. `state` is one of the words of `TaskState`; `seen`
// says that its result was shown; `kernel_alive` that its kernel may still run, which then has the
// result itself; `collected` that the server keeps its result; `progress` how much of it is done,
// from 0 to 1, while it runs and has said so. (Whether a cell that was
// collected has raised is in its reply, which only a kernel reads: it is a "success" here.)
export interface Task {
  task_id: string;
  group_id: string;
  endpoint_id: string;
  endpoint: string;
  label: string;
  kind: string;
  notebook: string;
  cell_id: string;
  execution_count: number;
  state: string;
  submitted_at: number;
  started_at: number | null;
  ended_at: number | null;
  error: string;
  seen: boolean;
  kernel_alive: boolean;
  collected: boolean;
  progress: number | null;
}

// All tasks of one run of a cell. `run` names it here, `ids` for ``%gc attach`` (empty where no
// one id says it). `label` is the cell's, or its first line. `tasks` counts them, and `open`,
// `failed` and `cancelled` those of them that haven't ended, or have ended so. `state` is a word
// of `TaskState`; `ended_at` is None while anything is open; `error` is one of its errors. `seen`
// says that nothing has ended whose result wasn't shown; `collected` that the server keeps one;
// `progress` is the sum of what its open tasks say of theirs, None where they say nothing.
export interface Run {
  run: string;
  label: string;
  notebook: string;
  cell_id: string;
  execution_count: number;
  endpoint: string;
  ids: string;
  tasks: number;
  open: number;
  failed: number;
  cancelled: number;
  state: string;
  submitted_at: number;
  started_at: number | null;
  ended_at: number | null;
  error: string;
  seen: boolean;
  kernel_alive: boolean;
  collected: boolean;
  progress: number | null;
}

// An error, how many tasks of a run have ended with it, and the traceback of one of them: empty
// where the journal has none.
export interface Failure {
  error: string;
  tasks: number;
  traceback: string;
}

// Where the journal is, and what is wrong with it; empty texts while all is well.
export interface JournalState {
  path: string;
  problem: string;
  next_step: string;
}

// A row has the fields of `Task` or `Run`, in the order of `columns`; `total` counts all rows
// that were asked for, of every page.
export interface Page {
  columns: string[];
  rows: ((string | number | boolean | null)[])[];
  total: number;
  journal: JournalState;
}

// `at` is when the rest was heard, in unix seconds: 0 for never; `owner` is whose it is, in
// words. Texts may be empty.
export interface Endpoint {
  endpoint_id: string;
  name: string;
  alias: string;
  status: string;
  python: string;
  owner: string;
  at: number;
}

// `default` is the name or id that a cell without one uses; `who` is signed in; `notice` is the
// site's line for everybody, with the address of a page about it.
export interface Endpoints {
  signed_in: boolean;
  who: string;
  default: string;
  problem: string;
  next_step: string;
  notice: string;
  notice_link: string;
  endpoints: Endpoint[];
}

// `open` counts the tasks that haven't ended, `collected` the results that are kept.
export interface Status {
  version: string;
  collecting: boolean;
  open: number;
  collected: number;
  problem: string;
  next_step: string;
}

// Whether the server collects results of tasks whose kernels are gone.
export interface Collecting {
  on: boolean;
}

// `changed` counts the notices of this server.
export interface TasksChanged {
  changed: number;
}

// What a kernel itself says, asked by the notebook's front end: the endpoint of cells that name
// none, by `%gc use` or `%config`; empty where only settings decide.
export interface Here {
  endpoint: string;
}
