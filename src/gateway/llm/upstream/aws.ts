/** Signs calls of Bedrock with keys of AWS, where its provider has no key of its own. */
import { hash } from 'node:crypto'
import { signed } from '../../../store/blobs/s3/sign.ts'
import type { LiveProvider } from './live.ts'
import type { ProviderRoute } from '../../table/llm.ts'
import type { Credentials, Destination } from './providers.ts'

/** Whether calls of a provider carry a signature in place of a key. */
export function isSigned({ kind }: ProviderRoute, credentials: Credentials): boolean {
  return kind === 'bedrock' && credentials['api_key'] === undefined && credentials['aws_access_key_id'] !== undefined
}

interface ToSign extends Destination {
  readonly provider: LiveProvider
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
  readonly now: number
}

/** The headers with AWS's signature, which covers all of them and the body. Source: "Create a signed AWS API request", AWS IAM user guide. */
export function awsHeaders({ provider, origin, path, body, headers, now }: ToSign): Record<string, string> {
  const { credentials, route } = provider
  const { host } = new URL(origin)
  const sessionToken = credentials['aws_session_token']
  return signed(
    {
      method: 'POST',
      // services other than S3 sign the path encoded once more
      path: path.split('/').map(encodeURIComponent).join('/'),
      query: {},
      headers: { ...headers, host },
      contentHash: hash('sha256', body),
    },
    {
      region: route.settings['aws_region_name'] ?? regionOf(host),
      service: 'bedrock',
      at: now,
      credentials: {
        accessKeyId: credentials['aws_access_key_id'] ?? '',
        secretAccessKey: credentials['aws_secret_access_key'] ?? '',
        ...(sessionToken !== undefined && { sessionToken }),
      },
    },
  )
}

/** The region that an address of Bedrock names. */
function regionOf(host: string): string {
  return /^bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\./.exec(host)?.[1] ?? 'us-east-1'
}
