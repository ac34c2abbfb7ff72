/** Keeps secrets unreadable in the database: AES-256-GCM with a key that lies in the data folder. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { problem } from '../contract/errors.ts'
import { keptFile } from '../store/kept-file.ts'

/** The key that seals secrets in a data folder; named when only webhooks had any. */
export function sealFile(dataDir: string): string {
  return join(dataDir, 'webhook.key')
}

const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Seals and opens texts. `of` is bound to the text: what was sealed for one webhook does not open for another. */
export interface Seal {
  readonly seal: (text: string, of: string) => string
  /** Throws `unprocessable` when the key is not the one that sealed it. */
  readonly open: (sealed: string, of: string) => string
}

/** Makes a seal with the key in a file, which is made with mode 0600 when first needed. */
export function fileSeal(keyFile: string): Seal {
  let key: Buffer | undefined
  const read = (): Buffer =>
    (key ??= checked(
      keptFile(keyFile, () => randomBytes(KEY_BYTES)),
      keyFile,
    ))
  return {
    seal(text, of) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(ALGORITHM, read(), nonce).setAAD(Buffer.from(of))
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
    },
    open(sealed, of) {
      const bytes = Buffer.from(sealed, 'base64url')
      try {
        const cipher = createDecipheriv(ALGORITHM, read(), bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
        cipher.setAAD(Buffer.from(of)).setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
        return cipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + cipher.final('utf8')
      } catch (error) {
        const detail = `the secret of ${of} was sealed with another key than the one in ${keyFile}; set it again`
        throw problem('unprocessable', { detail }, error)
      }
    },
  }
}

function checked(key: Buffer, file: string): Buffer {
  if (key.length === KEY_BYTES) return key
  throw problem('unprocessable', { detail: `the key file ${file} has ${key.length} bytes, not ${KEY_BYTES}` })
}
