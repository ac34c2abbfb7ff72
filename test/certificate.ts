/** Certificates for tests, signed by themselves, made by the `openssl` program. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Why no certificate can be made here, as the reason of a skipped test; false when one can. */
export function noOpenssl(): string | false {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return false
  } catch {
    return 'needs the program openssl: install it and run the file again'
  }
}

/** Writes `<name>.crt` and `<name>.key` for localhost and 127.0.0.1 into the folder. */
export function selfSigned(folder: string, name: string): { cert: string; key: string } {
  const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)]
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert]
  const said = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...made, ...said], { stdio: 'pipe' })
  return { cert, key }
}
