/** Which build of llama.cpp runs on a machine. */
import { problem } from '../../../../contract/errors.ts'

export interface Machine {
  readonly platform: string
  readonly arch: string
  /** Version of glibc; undefined where there is none. */
  readonly glibc: string | undefined
}

/** Builds for the processor that are published ready to run. */
const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@node-llama-cpp/linux-x64',
  'linux-arm64': '@node-llama-cpp/linux-arm64',
  'darwin-arm64': '@node-llama-cpp/mac-arm64-metal',
  'darwin-x64': '@node-llama-cpp/mac-x64',
}

/** This machine. */
export function thisMachine(): Machine {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return { platform: process.platform, arch: process.arch, glibc: header.glibcVersionRuntime }
}

/** Name of the package for a machine. Throws `unavailable` where there is none. */
export function packageOf({ platform, arch, glibc }: Machine): string {
  const found = PACKAGES[`${platform}-${arch}`]
  const musl = platform === 'linux' && glibc === undefined
  if (found !== undefined && !musl) return found
  throw problem('unavailable', {
    what: 'the demo of language models',
    detail: `there is no ready build of llama.cpp for ${platform}-${arch}${musl ? ' without glibc' : ''}, only for ${Object.keys(PACKAGES).join(', ')}`,
    reason: 'platform',
  })
}
