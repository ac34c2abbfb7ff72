/** The flags of `slipway ci`. */
import { SERVER_FLAGS } from '../invocation/command.ts'
import type { Flag } from '../invocation/command.ts'

export const CI_FLAGS: readonly Flag[] = [
  ...SERVER_FLAGS,
  { name: 'branch', value: 'NAME', meaning: 'With `init`: the branch whose pushes are shipped (default main).' },
  { name: 'install', value: 'COMMAND', meaning: 'With `init`: what puts slipway on the runner.' },
  { name: 'oidc', meaning: 'With `init`: jobs exchange their ID token, and no SLIPWAY_TOKEN is stored.' },
  { name: 'audience', value: 'URL', meaning: 'With `token`: whom the ID token is for (default: the server).' },
  {
    name: 'base',
    value: 'COMMIT',
    meaning: 'With `report`: the merge base (default: what CI system and git say).',
  },
  { name: 'provider', value: 'NAME', meaning: 'With `report`: github, gitlab or none (default: by the job).' },
  {
    name: 'out',
    value: 'DIR',
    meaning: 'With `report`: write report.md, report.json and junit.xml to this folder.',
  },
  { name: 'wait', value: 'SECONDS', meaning: 'With `report`: wait so long for limits at most (default 300).' },
]
