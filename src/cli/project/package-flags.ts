/** The flags of `slipway package`. */
import type { Flag } from '../invocation/command.ts'

export const PACKAGE_FLAGS: readonly Flag[] = [
  { name: 'out', value: 'DIR', meaning: 'Folder of the project; new or empty (default the name of the file).' },
  {
    name: 'python',
    value: 'PATH',
    meaning: 'The interpreter that runs the code (default that of the active environment, else the first found).',
  },
  { name: 'data', value: 'NAME=PATH', many: true, meaning: 'Where an input lies on this machine.' },
  { name: 'model', value: 'NAME', meaning: 'The variable with the model, where the code fits several.' },
  {
    name: 'order',
    value: 'ORDER',
    meaning: 'Order of the cells: auto, document or executed (default auto: refuses where two orders differ).',
  },
  { name: 'no-proof', meaning: 'Run nothing: neither the original nor the package.' },
  {
    name: 'prove',
    value: 'DIR',
    meaning: 'Write nothing: prove that the package in this folder, edited since, still computes the same.',
  },
  { name: 'cell-limit', value: 'SECONDS', meaning: 'Time of each cell in the proof (default 600).' },
  {
    name: 'sample',
    value: 'MB',
    meaning: 'Inputs above this size are sampled down to it in the proof (default 100; 0 for never).',
  },
  { name: 'network', meaning: 'Let the proof use the network.' },
  { name: 'offline', meaning: 'Ask no package index for hashes.' },
]
