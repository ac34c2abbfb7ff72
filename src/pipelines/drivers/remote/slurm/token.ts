/** The token with which Slurm is asked: it expires, so that a file of it is read anew each time. */
import { readFileSync } from 'node:fs'
import { ifJson } from '../../../../contract/absence/absent.ts'
import { problem } from '../../../../contract/errors.ts'

/** Reads a token as `scontrol token` writes it, or alone. Throws `unavailable` where there is none. */
export function tokenReader({ token, file }: { token?: string | undefined; file?: string | undefined }): () => string {
  return () => {
    const given = file === undefined ? (token ?? '') : contentOf(file)
    const found = given.trim().replace(/^SLURM_JWT=/, '')
    if (/^[\x21-\x7e]+$/.test(found)) return found
    const where = file === undefined ? 'SLIPWAY_SLURM_TOKEN' : `the file ${file} of SLIPWAY_SLURM_TOKEN_FILE`
    throw problem('unavailable', { what: 'Slurm', detail: `${where} holds no token` })
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    const detail = `the file ${file} of SLIPWAY_SLURM_TOKEN_FILE cannot be read (${code})`
    throw problem('unavailable', { what: 'Slurm', detail })
  }
}

/** When a JSON Web Token expires, ms since 1970; undefined where it does not say. */
export function expiryOf(token: string): number | undefined {
  const claims = ifJson(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
  const { exp } = (claims ?? {}) as { exp?: unknown }
  return typeof exp === 'number' ? exp * 1000 : undefined
}
