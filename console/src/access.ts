/** The key that opens the server, where it asks for one. Kept for this tab alone. */

const KEY = "lingjing.key";
let held: string | null = null;

export function accessKey(): string {
  if (held === null) {
    try {
      held = sessionStorage.getItem(KEY) ?? "";
    } catch {
      held = ""; // storage is closed to us: the key lives as long as the page
    }
  }
  return held;
}

/** Use a key from now on; an empty one goes back to what anyone may see. */
export function setAccessKey(key: string): void {
  held = key.trim();
  try {
    if (held) sessionStorage.setItem(KEY, held);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Not remembered, then.
  }
}

export function accessHeaders(): Record<string, string> {
  const key = accessKey();
  return key ? { Authorization: `Bearer ${key}` } : {};
}
