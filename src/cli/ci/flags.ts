/** The flags of `slipway ci`. */
import { SERVER_FLAGS } from '../invocation/command.ts'
import type { Flag } from '../invocation/command.ts'

export const CI_FLAGS: readonly Flag[] = [
  ...SERVER_FLAGS,
  { name: 'branch', value: 'NAME', meaning: 'With `init`: the branch whose pushes are shipped (default main).' },
  { name: 'install', value: 'COMMAND', meaning: 'With `init`: what puts slipway on the runner.' },
  {
    name: 'image',
    value: 'REPOSITORY',
    meaning: 'With `init`: REGISTRY/REPOSITORY that the image of the steps goes to after a merge.',
  },
  {
    name: 'sign',
    meaning: 'With `init` and an image: it is signed with the key that the CI system keeps as SLIPWAY_IMAGE_KEY.',
  },
  { name: 'oidc', meaning: 'With `init`: jobs exchange their ID token, and no SLIPWAY_TOKEN is stored.' },
  {
    name: 'audience',
    value: 'URL',
    meaning: 'With `token` and `trust`: whom the ID token is for (default: the server).',
  },
  {
    name: 'issuer',
    value: 'URL',
    meaning: 'With `trust add`: who makes the ID tokens: github, gitlab (gitlab.com) or an address.',
  },
  { name: 'subject', value: 'TEXT', meaning: 'With `trust add`: the whole subject of the ID token.' },
  {
    name: 'claim',
    value: 'NAME=VALUE',
    many: true,
    meaning: 'With `trust add`: a claim and its whole value; at least one id, repository_id=4711 for example.',
  },
  { name: 'project', value: 'NAME', meaning: 'With `trust add`: the project of the tokens that are given.' },
  { name: 'role', value: 'NAME', meaning: 'With `trust add`: their role (default contributor).' },
  { name: 'minutes', value: 'N', meaning: 'With `trust add`: how long they hold (default 60, at most 360).' },
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
