/** The present, by the server's clock: that of this machine may be wrong. */

/** A difference that is worth saying [ms]. */
export const SKEW_WORTH_SAYING_MS = 90_000;

let offset = 0;

/** The server said what time it is, at an instant of this machine's clock. */
export function hearTime(server: number, local = Date.now()): void {
  if (Number.isFinite(server)) offset = server - local;
}

/** The present [ms]. */
export function present(): number {
  return Date.now() + offset;
}

/** How far this machine's clock is ahead of the server's [ms]. */
export function skew(): number {
  return -offset;
}
