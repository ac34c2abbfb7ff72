/** The flags of `slipway ci`. */
import { flagsOf, SERVER_FLAGS } from '../invocation/command.ts'
import type { Flag } from '../invocation/command.ts'

export const CI_FLAGS: readonly Flag[] = [
  ...SERVER_FLAGS,
  ...flagsOf({
    'branch NAME': 'With `init`: the branch whose pushes are shipped (default main).',
    'install COMMAND': 'With `init`: what puts slipway on the runner.',
    'image REPOSITORY': 'With `init`: REGISTRY/REPOSITORY that the image of the steps goes to after a merge.',
    sign: 'With `init` and an image: it is signed with the key that the CI system keeps as SLIPWAY_IMAGE_KEY.',
    serve:
      'With `init` and an image, on the machine of the data folder: an image that answers is made of each version too, and recorded.',
    oidc: 'With `init`: jobs exchange their ID token, and no SLIPWAY_TOKEN is stored.',
    'audience URL': 'With `token` and `trust`: whom the ID token is for (default: the server).',
    'issuer URL': 'With `trust add`: who makes the ID tokens: github, gitlab (gitlab.com) or an address.',
    'subject TEXT': 'With `trust add`: the whole subject of the ID token.',
    'claim NAME=VALUE ...':
      'With `trust add`: a claim and its whole value; at least one id, repository_id=4711 for example.',
    'project NAME': 'With `trust add`: the project of the tokens that are given.',
    'role NAME': 'With `trust add`: their role (default contributor).',
    'minutes N': 'With `trust add`: how long they hold (default 60, at most 360).',
    'base COMMIT': 'With `report`: the merge base (default: what CI system and git say).',
    'provider NAME': 'With `report`: github, gitlab or none (default: by the job).',
    'out DIR': 'With `report`: write report.md, report.json and junit.xml to this folder.',
    'wait SECONDS': 'With `report`: wait so long for limits at most (default 300).',
  }),
]
