/** How the process of a gateway is started. */

/**
 * Options of Node. A gateway makes much that lives for one call: with the young generation that V8 picks by itself (32 MB and more a half) its memory
 * grows by 100 MB under 64 callers, and the time that collecting it more often takes is a few percent of a call (`npm run bench -- llm`).
 */
export const GATEWAY_FLAGS: readonly string[] = ['--max-semi-space-size=8']
