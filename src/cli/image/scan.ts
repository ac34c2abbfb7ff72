/** `slipway image scan`: which packages an image has and which of them are known to be vulnerable, each said with who looked; 2 where nobody did. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { z } from 'zod'
import { ifJson } from '../../contract/absence/absent.ts'
import { billOfMaterials } from '../../images/attest/sbom.ts'
import type { Bom } from '../../images/attest/sbom.ts'
import { documentBytes } from '../../images/oci/documents.ts'
import { parseReference } from '../../images/oci/reference.ts'
import { text } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { named, opened, ownVersion } from './attest.ts'
import { copyWhole } from './copy.ts'
import { registries } from './registries.ts'

/** What one scanner did. */
interface Looked {
  readonly tool: string
  readonly version: string | null
  /** What it was given; null where it was not run, or failed. */
  readonly scanned: string | null
  readonly said: string
}

interface Vulnerability {
  readonly id: string
  readonly severity: string
  readonly package: string
  readonly version: string
}

export async function scan(invocation: Invocation): Promise<number> {
  const given = named(invocation, 'scan')
  const image = await opened(invocation, given)
  const bom = await billOfMaterials(given, image, await ownVersion())
  const folder = await mkdtemp(join(tmpdir(), 'slipway-scan-'))
  try {
    const file = join(folder, 'bom.json')
    await writeFile(file, documentBytes(bom))
    const own = {
      tool: 'slipway',
      version: await ownVersion(),
      scanned: 'layers',
      said: packages(bom.components.length),
    }
    const second = await bySyft(given, folder, bom)
    const { looked, vulnerabilities } = await byGrype(file)
    return tell(invocation, { digest: image.digest, looked: [own, second, looked], vulnerabilities })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Report {
  readonly digest: string
  readonly looked: readonly Looked[]
  /** Null where nobody looked for any. */
  readonly vulnerabilities: readonly Vulnerability[] | null
}

async function tell(invocation: Invocation, report: Report): Promise<number> {
  const { digest, looked, vulnerabilities } = report
  const file = text(invocation, 'out')
  if (file !== undefined) await writeFile(file, documentBytes(report))
  const { out } = invocation
  out.data(report)
  out.line(digest)
  out.table(
    ['by', 'version', 'scanned', 'result'],
    looked.map((one) => [one.tool, one.version ?? '', one.scanned ?? 'nothing', one.said]),
  )
  if (vulnerabilities === null) {
    out.line('Vulnerabilities were NOT looked for.')
    return 2
  }
  out.table(
    ['vulnerability', 'severity', 'package', 'version'],
    vulnerabilities.map((one) => [one.id, one.severity, one.package, one.version]),
  )
  return vulnerabilities.length === 0 ? 0 : 1
}

function packages(count: number): string {
  return `${count} package${count === 1 ? '' : 's'}`
}

const SyftBom = z.object({
  components: z.array(z.object({ name: z.string(), purl: z.string().optional() })).default([]),
  metadata: z.object({ tools: z.object({ components: z.array(z.object({ version: z.string() })) }) }),
})

/** Has syft list the packages from the files, and says which of ours it does not see, and the other way round. */
async function bySyft(given: string, folder: string, bom: Bom): Promise<Looked> {
  const dir = join(folder, 'image')
  await copyWhole(
    parseReference(given),
    { kind: 'layout', dir, tag: 'scanned', digest: undefined },
    registries(),
    () => {},
  )
  const { code, output } = await run('syft', ['scan', `oci-dir:${dir}`, '-q', '-o', 'cyclonedx-json@1.6'])
  if (code === 127) return absent('syft')
  const read = SyftBom.safeParse(ifJson(output))
  if (code !== 0 || !read.success) return failed('syft', code)
  const { components, metadata } = read.data
  const theirs = new Set(components.flatMap(({ purl }) => (purl === undefined ? [] : [bare(purl)])))
  const ours = new Set(bom.components.map(({ purl }) => bare(purl)))
  const [only, missed] = [[...theirs.difference(ours)], [...ours.difference(theirs)]]
  const parts = [
    packages(theirs.size),
    ...(only.length > 0 ? [`only here: ${only.join(', ')}`] : []),
    ...(missed.length > 0 ? [`not here: ${missed.join(', ')}`] : []),
  ]
  return {
    tool: 'syft',
    version: metadata.tools.components[0]?.version ?? null,
    scanned: 'layers',
    said: parts.join('; '),
  }
}

/** A package URL without what only one of them says. */
function bare(purl: string): string {
  return decodeURIComponent(purl.replace(/\?.*$/, ''))
}

const Matches = z.object({
  matches: z.array(
    z.object({
      vulnerability: z.object({ id: z.string(), severity: z.string().default('Unknown') }),
      artifact: z.object({ name: z.string(), version: z.string() }),
    }),
  ),
  descriptor: z.object({ version: z.string() }).optional(),
})

/** Has grype look up the packages of our SBOM. Without its database it looks up nothing, and its own words say so. */
async function byGrype(file: string): Promise<{ looked: Looked; vulnerabilities: Vulnerability[] | null }> {
  const { code, output, complaint } = await run('grype', [`sbom:${file}`, '-o', 'json'])
  if (code === 127) return { looked: absent('grype'), vulnerabilities: null }
  const read = Matches.safeParse(ifJson(output))
  if (code !== 0 || !read.success) return { looked: failed('grype', code, lastOf(complaint)), vulnerabilities: null }
  const vulnerabilities = read.data.matches.map(({ vulnerability, artifact }) => ({
    ...vulnerability,
    package: artifact.name,
    version: artifact.version,
  }))
  const said = `${vulnerabilities.length} vulnerabilit${vulnerabilities.length === 1 ? 'y' : 'ies'}`
  const version = read.data.descriptor?.version ?? null
  return { looked: { tool: 'grype', version, scanned: 'the SBOM of slipway', said }, vulnerabilities }
}

/** The last line of what a program complained of, without its colours. */
function lastOf(complaint: string): string {
  const line = stripVTControlCharacters(complaint).trim().split('\n').at(-1) ?? ''
  return line.replace(/^\[\d+\]\s+ERROR\s+/, '').slice(0, 200)
}

function absent(tool: string): Looked {
  return { tool, version: null, scanned: null, said: 'it is not on the PATH' }
}

function failed(tool: string, code: number, why = ''): Looked {
  const said = `it ended with ${code} and no report${why === '' ? '' : `: ${why}`}`
  return { tool, version: null, scanned: null, said }
}

const SCANNER_MS = 600_000
const MOST_REPORT = 256 * 1024 * 1024

function run(program: string, args: readonly string[]): Promise<{ code: number; output: string; complaint: string }> {
  return new Promise((resolve) => {
    const options = {
      timeout: SCANNER_MS,
      maxBuffer: MOST_REPORT,
      env: { ...process.env, SYFT_CHECK_FOR_APP_UPDATE: 'false', GRYPE_CHECK_FOR_APP_UPDATE: 'false' },
    }
    execFile(program, args, options, (error, output, complaint) => {
      const code =
        error === null ? 0 : error.code === 'ENOENT' ? 127 : typeof error.code === 'number' ? error.code : 124
      resolve({ code, output, complaint })
    })
  })
}
