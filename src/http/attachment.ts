/** The headers of bytes of a user's making: a browser saves them, and never shows or runs them under our name. */

/**
 * `path`: what they are known by; its last part names the file. `type`: of their content, `application/octet-stream` where none is
 * given. `size`: bytes; without it the reply ends where the connection or its chunks do.
 */
export function attachmentHeaders(
  path: string,
  { type = 'application/octet-stream', size }: { readonly type?: string; readonly size?: number } = {},
): Record<string, string> {
  return {
    'content-type': type,
    ...(size !== undefined && { 'content-length': String(size) }),
    'content-disposition': disposition(path.split(/[/\\]/).at(-1) ?? ''),
    'content-security-policy': "sandbox; default-src 'none'",
    'x-content-type-options': 'nosniff',
  }
}

/** A name that is one word of HTTP stands as it is; others in RFC 8187's form, beside one for readers that do not know it. */
function disposition(name: string): string {
  if (/^[\w!#$&+.^`|~-]+$/.test(name)) return `attachment; filename=${name}`
  const plain = name.replace(/[^\w .+()-]/g, '_')
  const encoded = encodeURIComponent(name.toWellFormed()).replace(/['()*]/g, percentCoded)
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}

function percentCoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}
