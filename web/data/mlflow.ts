/** Calls of MLflow's own protocol, where the native API leaves an act to it. */
import { CallError } from '../../src/client/client.ts'

interface Refusal {
  readonly error_code?: string
  readonly message?: string
}

/** Sends a call such as `runs/update`, or `3.0/traces/…` of a later version. Throws CallError with MLflow's code and message. */
export async function send<T = unknown>(
  path: string,
  body: Readonly<Record<string, unknown>>,
  method: 'POST' | 'PATCH' | 'DELETE' = 'POST',
): Promise<T> {
  return answer(
    await fetch(addressOf(path), {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }).catch(unreachable),
  )
}

/** Asks, with parameters in the address. Throws CallError. */
export async function ask<T>(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<T> {
  return answer(
    await fetch(`${addressOf(path)}?${new URLSearchParams(query).toString()}`, { signal }).catch(unreachable),
  )
}

function addressOf(path: string): string {
  return path.startsWith('3.0/') ? `/ajax-api/3.0/mlflow/${path.slice(4)}` : `/ajax-api/2.0/mlflow/${path}`
}

async function answer<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T
  const text = await response.text()
  const { error_code: code = 'unknown', message = text.slice(0, 500) } = parsed(text)
  throw new CallError(response.status, { code, message })
}

function parsed(text: string): Refusal {
  try {
    return JSON.parse(text) as Refusal
  } catch {
    return {}
  }
}

function unreachable(error: unknown): never {
  if (error instanceof Error && error.name === 'AbortError') throw error
  throw new CallError(0, { code: 'unreachable', message: 'the server did not answer' })
}

const AT_ONCE = 8

/** Does the same to each, a few at a time; stops at the first refusal. */
export async function each<T>(items: readonly T[], act: (item: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) await Promise.all(items.slice(at, at + AT_ONCE).map(act))
}
