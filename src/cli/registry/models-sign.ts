/** `slipway models sign|verify`: signs the files of a version with a key that stays here, and verifies them with a public key. */
import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { readUserText } from '../../contract/absence/user-file.ts'
import type { Client } from '../../client/client.ts'
import { registryApi } from '../../contract/registry.ts'
import { differences, signable, SignatureFault, signFiles, verifyBundle } from '../../registry/attestation/bundle.ts'
import type { SignedFile } from '../../registry/attestation/bundle.ts'
import { hashFiles, type VersionRef } from './hash-files.ts'
import { verifyAttestations } from './models-attestations.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'

/** Downloads and hashes every file, signs what lies there, and hands the signature to the server. */
export async function sign(client: Client, invocation: Invocation, params: VersionRef): Promise<number> {
  const pem = await keyFile(invocation, 'sign')
  const passphraseFile = text(invocation, 'passphrase-file')
  const passphrase =
    passphraseFile === undefined ? undefined : (await readUserText(passphraseFile, { pipes: true })).trim()
  const secret = { key: pem, ...(passphrase !== undefined && { passphrase }) }
  const key = readKey(invocation, () => createPublicKey(createPrivateKey(secret)))
    .export({ type: 'spki', format: 'pem' })
    .toString()
  const files = await download(client, invocation, params)
  const bundle = signFiles(params.name, files, pem, passphrase)
  const signed = await client.call(registryApi.putSignature, { params, body: { bundle, key } })
  const out = text(invocation, 'out')
  if (out !== undefined) await writeFile(out, bundle)
  invocation.out.data(signed)
  invocation.out.line(
    `${params.name}/${params.version} is signed: ${files.length} files, key ${signed.key.slice(0, 16)}…`,
  )
  if (!signed.trusted) invocation.out.line('The policy of the model does not name this key: slipway models policy')
  return 0
}

/** Downloads and hashes every file and compares them with what the key has signed; 1 and the names of files when they differ. */
export async function verify(client: Client, invocation: Invocation, params: VersionRef): Promise<number> {
  const pem = await keyFile(invocation, 'verify')
  readKey(invocation, () => createPublicKey(pem))
  if (invocation.flags['attestations'] === true) return verifyAttestations(client, invocation, { ...params, pem })
  const { bundle } = await client.call(registryApi.getSignature, { params })
  const faults = await faultsOf(bundle, pem, () => download(client, invocation, params))
  invocation.out.data({ ok: faults.length === 0, faults })
  if (faults.length === 0) invocation.out.line(`${params.name}/${params.version} is what was signed`)
  for (const fault of faults) invocation.out.line(`refused: ${fault}`)
  return faults.length === 0 ? 0 : 1
}

async function faultsOf(bundle: string, pem: string, files: () => Promise<SignedFile[]>): Promise<string[]> {
  try {
    const { manifest } = verifyBundle(bundle, [pem])
    return differences(manifest, await files())
  } catch (error) {
    if (error instanceof SignatureFault) return [error.message]
    throw error
  }
}

async function keyFile(invocation: Invocation, act: string): Promise<string> {
  const path = text(invocation, 'key')
  if (path === undefined) throw new UsageError(`models ${act} needs a key: --key FILE (PEM, elliptic curve P-256)`)
  return readUserText(path, { pipes: true })
}

function readKey(invocation: Invocation, read: () => KeyObject): KeyObject {
  try {
    return read()
  } catch (error) {
    const [act = '', path = ''] = [invocation.args[0], text(invocation, 'key')]
    const kind = act === 'sign' ? 'private key, or the passphrase is not its own' : 'public key'
    throw new UsageError(`--key is "${path}", which is no PEM file of a ${kind}: ${(error as Error).message}`)
  }
}

/** The files that a signature covers as they arrive here, each with the hash of its bytes. */
async function download(client: Client, invocation: Invocation, params: VersionRef): Promise<SignedFile[]> {
  const { items } = await client.call(registryApi.versionFiles, { params })
  return hashFiles(client, invocation, params, signable(items))
}
