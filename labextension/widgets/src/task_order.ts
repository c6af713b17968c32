// Which rows are shown, in which order.

import { FIELD, Row } from "./messages";
import { State, TaskRows, URGENCY } from "./task_rows";

export type Key = "row" | "urgency" | "started" | "label" | "state" | "endpoint" | "queued" | "running" | "text";

export interface Order {
  key: Key;
  descending: boolean;
  text: string; // filter: part of label, id, endpoint or result
  state: State | ""; // filter
}

type Rows = (Row | undefined)[];

const PLACE = new Map(URGENCY.map((state, place) => [state, place]));

// Row numbers in the order asked for; rows that are still on their way come last.
export function arrange(rows: TaskRows, order: Order): Int32Array {
  const all = rows.all();
  const found = new Int32Array(all.length);
  const needle = order.text.trim().toLowerCase();
  const filtered = needle !== "" || order.state !== "";
  let count = 0;
  for (let index = 0; index < all.length; index++) {
    const row = all[index];
    if (!filtered || (row && matches(rows, row, needle, order.state))) {
      found[count++] = index;
    }
  }
  const shown = found.subarray(0, count);
  if (order.key === "urgency" || order.key === "state") {
    return byState(rows, all, shown, order.descending);
  }
  if (order.key === "row") {
    return order.descending ? shown.reverse() : shown;
  }
  return byKey(rows, all, shown, order.key, order.descending);
}

function matches(rows: TaskRows, row: Row, needle: string, state: string): boolean {
  if (state !== "" && rows.state(row) !== state) {
    return false;
  }
  return (
    needle === "" ||
    row[FIELD.label].toLowerCase().includes(needle) ||
    row[FIELD.task_id].includes(needle) ||
    row[FIELD.text].toLowerCase().includes(needle) ||
    rows.endpoint(row).toLowerCase().includes(needle)
  );
}

// Few values, many rows: each into its bucket, in the order of the rows.
function byState(rows: TaskRows, all: Rows, shown: Int32Array, descending: boolean): Int32Array {
  const buckets: number[][] = [...URGENCY.map(() => []), []];
  for (const index of shown) {
    const row = all[index];
    const place = row ? PLACE.get(rows.state(row))! : URGENCY.length;
    buckets[place]!.push(index);
  }
  const last = buckets.pop()!;
  if (descending) {
    buckets.reverse();
  }
  return Int32Array.from([...buckets, last].flat());
}

function byKey(
  rows: TaskRows,
  all: Rows,
  shown: Int32Array,
  key: Key,
  descending: boolean,
): Int32Array {
  const now = rows.now();
  const sign = descending ? -1 : 1;
  const value = (index: number): string | number | null => {
    const row = all[index];
    if (!row) {
      return null;
    }
    switch (key) {
      case "queued":
        return rows.queued(row, now);
      case "running":
        return rows.running(row, now);
      case "started":
        return row[FIELD.started];
      case "endpoint":
        return rows.endpoint(row);
      case "text":
        return row[FIELD.text] || null;
      default:
        return row[FIELD.label];
    }
  };
  const values = new Map<number, string | number | null>();
  for (const index of shown) {
    values.set(index, value(index));
  }
  const collator = new Intl.Collator(undefined, { numeric: true });
  return shown.sort((a, b) => {
    const x = values.get(a)!;
    const y = values.get(b)!;
    if (x === null || y === null) {
      return Number(x === null) - Number(y === null) || a - b; // nothing to compare comes last
    }
    const order =
      typeof x === "number" ? x - (y as number) : collator.compare(x, y as string);
    return sign * order || a - b;
  });
}
