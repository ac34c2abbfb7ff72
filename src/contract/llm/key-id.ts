/** How the id of a virtual key is told from that of another token, by whoever has nothing but the id. */

/** Before the id of a token that is a virtual key; ids of other tokens begin with their time, in letters without an `l`. */
export const KEY_MARK = 'llm'

/** Whether a token was made as a virtual key: one whose limits are not at hand is then not one without limits. */
export function isKeyId(token: string): boolean {
  return token.startsWith(KEY_MARK)
}
