/** What an answer that comes in pieces needs to be told apart from a whole one, over HTTP/1.1 and HTTP/2. */
import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'

/** INTERNAL_ERROR of RFC 9113, section 7. */
const INTERNAL_ERROR = 2

/** Ends an answer so that its client knows that it is not whole: closes the connection of HTTP/1.1, resets the stream of HTTP/2 with an error. */
export function cutShort(response: ServerResponse): void {
  // plainly destroyed, a stream of HTTP/2 ends with NO_ERROR
  if (isHttp2(response)) response.stream.close(INTERNAL_ERROR)
  else response.destroy()
}

/** Lets an answer be silent for longer than a request may take; who calls it ends answers that nobody takes. */
export function allowSilence(response: ServerResponse): void {
  if (isHttp2(response)) response.stream.setTimeout(0)
}

function isHttp2(response: ServerResponse | Http2ServerResponse): response is Http2ServerResponse {
  return response.req.httpVersionMajor === 2
}
