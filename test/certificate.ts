/** Certificates for tests, signed by themselves, made by the `openssl` program. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
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

/** As `selfSigned`, for times that are told: `YYYYMMDDHHMMSSZ`. */
export function heldBetween(
  folder: string,
  name: string,
  [from, to]: readonly [string, string],
): { cert: string; key: string } {
  const { cert, key } = selfSigned(folder, name)
  // the program takes other times than from now on as an authority alone
  const authority = join(folder, `${name}-authority`)
  mkdirSync(authority)
  const files = { 'index.txt': '', serial: '01', config: CONFIG }
  for (const [file, text] of Object.entries(files)) writeFileSync(join(authority, file), text)
  const openssl = (...words: string[]): void => void execFileSync('openssl', words, { cwd: authority, stdio: 'pipe' })
  openssl('req', '-new', '-key', key, '-subj', `/CN=${name}`, '-out', 'request')
  const times = ['-startdate', from, '-enddate', to]
  openssl(
    'ca',
    '-batch',
    '-notext',
    '-config',
    'config',
    '-selfsign',
    '-keyfile',
    key,
    '-in',
    'request',
    '-out',
    cert,
    ...times,
  )
  return { cert, key }
}

const CONFIG = `[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = named
x509_extensions = hosts
[named]
commonName = supplied
[hosts]
subjectAltName = DNS:localhost, IP:127.0.0.1
`
