/** One call over HTTP with JSON. */

export type Post = (url: string, body: unknown, headers: Readonly<Record<string, string>>) => Promise<unknown>

/** The answer of a POST. Throws for one that is no success. */
export const post: Post = async (url, body, headers) => {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${text.slice(0, 200)}`)
  return text === '' ? undefined : JSON.parse(text)
}
