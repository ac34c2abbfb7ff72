/** Flags of `slipway models`. */
import { flagsOf, SERVER_FLAGS, type Flag } from '../invocation/command.ts'

export const MODELS_FLAGS: readonly Flag[] = [
  ...SERVER_FLAGS,
  ...flagsOf({
    'key FILE': 'With `sign`: the private key; with `verify` and `environments set`: the public key (PEM).',
    'passphrase-file FILE': 'With `sign`: file with the passphrase of the private key.',
    'out FILE': 'With `sign`: also write the signature to this file.',
    'set FILE': 'With `policy`: set it from this YAML or JSON file.',
    attestations: 'With `verify`: what the server has attested of the version, in place of its signature.',
    accept: 'With `gates`: hold the model to the weaker gates that its newest version asks for.',
    'reason TEXT': 'With `approve`: a comment that is kept; with `gates` and a weaker `policy`: why.',
  }),
]
