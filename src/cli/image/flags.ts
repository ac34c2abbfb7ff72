/** The flags of `slipway image`. */
import { SERVER_FLAGS } from '../invocation/command.ts'
import type { Flag } from '../invocation/command.ts'

export const IMAGE_FLAGS: readonly Flag[] = [
  ...SERVER_FLAGS,
  {
    name: 'for',
    value: 'PURPOSE',
    meaning:
      'With `build`: serve (a model that answers; default), batch (a model that scores tables), step (a project folder), control (Slipway itself) or gateway (its data plane).',
  },
  {
    name: 'base',
    value: 'IMAGE',
    meaning:
      'With `build`: an image to build on (default: Debian, pinned); with `dockerfile`: one in a registry (default: python).',
  },
  { name: 'uv', value: 'IMAGE', meaning: 'With `dockerfile`: an image in a registry that has uv at /uv.' },
  { name: 'force', meaning: 'With `dockerfile`: replace the files that are there.' },
  {
    name: 'builder',
    value: 'NAME',
    meaning:
      'With `build --for step`: podman, buildah or docker, which build the Dockerfile of the project, or native (default: native without a Dockerfile, else the first that is there).',
  },
  {
    name: 'out',
    value: 'IMAGE',
    meaning: 'With `build`: layout:FOLDER[:TAG] to write to (default layout:image); with `sbom` and `scan`: a file.',
  },
  { name: 'attest', meaning: 'With `build`: attach a CycloneDX SBOM and SLSA provenance.' },
  {
    name: 'key',
    value: 'FILE',
    meaning: 'With `sign`: the private key; with `verify` and `environments set`: the public key (PEM).',
  },
  { name: 'passphrase-file', value: 'FILE', meaning: 'With `sign`: file with the passphrase of the private key.' },
  { name: 'push', value: 'IMAGE', meaning: 'With `build`: REGISTRY/REPOSITORY[:TAG] to push to.' },
  {
    name: 'platform',
    value: 'NAME',
    many: true,
    meaning: 'linux/amd64 or linux/arm64; several make an index (default: that of this machine).',
  },
  {
    name: 'wheels',
    value: 'DIR',
    meaning: 'With `build`: wheels that you built of packages that publish none.',
  },
  { name: 'compression', value: 'KIND', meaning: 'With `build`: gzip (default) or zstd.' },
  { name: 'to', value: 'NAME', meaning: 'With `promote`: the environment.' },
  { name: 'back', meaning: 'With `promote`: return to the image that stood there before.' },
  { name: 'reason', value: 'TEXT', meaning: 'With `promote`: why; it is kept.' },
  { name: 'override-gates', meaning: 'With `promote`: although it is refused; by an admin, with a reason.' },
  { name: 'after', value: 'NAME', meaning: 'With `environments set`: the environment that comes before.' },
  {
    name: 'repository',
    value: 'NAME',
    meaning: 'With `environments set`: REGISTRY/REPOSITORY of its images; {model} stands for the name of the model.',
  },
  { name: 'ungated', meaning: 'With `environments set`: gates of models are not asked.' },
]
