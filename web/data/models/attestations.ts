/** What the server has attested of a version, as its page reads it. */
import type { attestationsApi } from '../../../src/contract/pipelines/attestations.ts'
import type { Reply } from '../../../src/contract/route.ts'
import { get } from '../get.ts'

export type Attestations = Reply<typeof attestationsApi.listAttestations>
export type Attestation = Attestations['items'][number]

/** Attestations on the page, newest first. */
export const SHOWN = 20

export const attestations = (name: string, version: string) =>
  get<typeof attestationsApi.listAttestations>(
    ['models', 'attestations', name, version],
    '/v1/models/:name/versions/:version/attestations',
    { params: { name, version }, query: { limit: SHOWN } },
  )
