/** The faults that mutation testing puts into a source file: one small change each, made from its syntax tree. */
import { parseSync } from 'vite'
import { sqlFaults } from './sql-operators.ts'

/** One fault: `text` in place of the characters `start` to `end`; `from` and `to` say it to a reader. */
export interface Fault {
  readonly start: number
  readonly end: number
  readonly text: string
  readonly from: string
  readonly to: string
}

/** A node of the ESTree that oxc makes; which fields there are depends on `type`. */
interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

/** A node with what surrounds it, innermost first. */
interface Place {
  readonly node: Node
  readonly around: readonly Node[]
  readonly source: string
}

const OPERATORS: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '**': ['*'],
  '&': ['|'],
  '|': ['&'],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
  '+=': ['-='],
  '-=': ['+='],
  '*=': ['/='],
  '/=': ['*='],
}

const DROPPED_CALLS = new Set(['sort', 'toSorted', 'reverse', 'toReversed', 'filter'])
const OTHER_CALLS = new Map([
  ['some', 'every'],
  ['every', 'some'],
  ['min', 'max'],
  ['max', 'min'],
])
const LOGGING = /(^|[.?])(log|logger|console)\??\.(trace|debug|info|warn|error|log)$/
const TYPES = new Set(['typeAnnotation', 'returnType', 'typeParameters', 'typeArguments', 'superTypeArguments'])
const ERASED = new Set(['TSAsExpression', 'TSSatisfiesExpression', 'TSNonNullExpression'])
const LEAVING = new Set(['ReturnStatement', 'ThrowStatement', 'ContinueStatement', 'BreakStatement'])
const LOOPS = new Set(['ForStatement', 'WhileStatement', 'DoWhileStatement'])

const FAULTS_OF: Readonly<Record<string, (place: Place) => readonly Fault[]>> = {
  BinaryExpression: operatorFaults,
  LogicalExpression: operatorFaults,
  AssignmentExpression: operatorFaults,
  UpdateExpression: updateFaults,
  UnaryExpression: unaryFaults,
  Literal: literalFaults,
  TemplateElement: (place) => sqlFaults(place.source, place.node.start, place.node.end),
  ArrayExpression: arrayFaults,
  AwaitExpression: awaitFaults,
  CallExpression: callFaults,
  IfStatement: conditionFaults,
  ConditionalExpression: conditionFaults,
  ExpressionStatement: removedStatement,
  ThrowStatement: removedStatement,
}

/** All faults of a TypeScript source, in the order of their places. Throws when the source cannot be parsed. */
export function faultsOf(source: string): Fault[] {
  const { program, errors } = parseSync('source.ts', source)
  if (errors.length > 0) throw new Error(errors[0]?.message)
  const faults: Fault[] = []
  walk({ node: program as unknown as Node, around: [], source }, faults)
  return faults.filter((fault) => fault.text !== source.slice(fault.start, fault.end)).sort((a, b) => a.start - b.start)
}

/** The source with one fault. */
export function withFault(source: string, fault: Pick<Fault, 'start' | 'end' | 'text'>): string {
  return source.slice(0, fault.start) + fault.text + source.slice(fault.end)
}

function walk(place: Place, faults: Fault[]): void {
  const { node, around, source } = place
  if (node.type.startsWith('TS') && !ERASED.has(node.type)) return
  if (node.type === 'ImportDeclaration' || isLogging(place)) return
  faults.push(...(FAULTS_OF[node.type]?.(place) ?? []))
  for (const [name, value] of Object.entries(node)) {
    if (TYPES.has(name)) continue
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) walk({ node: child, around: [node, ...around], source }, faults)
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}

function textOf(source: string, node: Node): string {
  return source.slice(node.start, node.end)
}

/** A fault of a place: its node's text is replaced. */
function replaced({ node, source }: Place, text: string): Fault {
  return { start: node.start, end: node.end, text, from: short(textOf(source, node)), to: short(text) }
}

/** Source on one line, cut to what names it. */
function short(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > 100 ? `${line.slice(0, 99)}…` : line
}

function isLogging({ node, source }: Place): boolean {
  const call = node.type === 'ExpressionStatement' ? (node['expression'] as Node) : node
  return call.type === 'CallExpression' && LOGGING.test(textOf(source, call['callee'] as Node))
}

function operatorFaults(place: Place): Fault[] {
  const { node, around, source } = place
  const operator = node['operator'] as string
  const [left, right] = [node['left'] as Node, node['right'] as Node]
  if (operator.startsWith('+') && (isText(left) || isText(right))) return []
  const isStep = around[0]?.type === 'ForStatement' && around[0]['update'] === node
  if (isStep) return []
  const at = source.indexOf(operator, left.end)
  const others = OPERATORS[operator] ?? []
  // a condition as a whole is turned round by conditionFaults; a loop turned round would only run for ever
  const turned = isCondition(place) && others.length > 1 ? others.slice(0, 1) : others
  if (isCondition(place) && operator.length === 3 && around[0]?.type !== 'LogicalExpression') return []
  return turned.map((other) =>
    replaced(place, source.slice(node.start, at) + other + source.slice(at + operator.length, node.end)),
  )
}

function isText(node: Node): boolean {
  if (node.type === 'ParenthesizedExpression') return isText(node['expression'] as Node)
  if (node.type === 'BinaryExpression') return isText(node['left'] as Node) || isText(node['right'] as Node)
  return node.type === 'TemplateLiteral' || (node.type === 'Literal' && typeof node['value'] === 'string')
}

/** Is this node the whole condition of an `if`, a `?:` or a loop? */
function isCondition({ node, around }: Place): boolean {
  const parent = around[0]
  if (parent === undefined) return false
  const kinds = parent.type === 'IfStatement' || parent.type === 'ConditionalExpression' || LOOPS.has(parent.type)
  return kinds && parent['test'] === node
}

function updateFaults(place: Place): Fault[] {
  const { node, around, source } = place
  if (around[0]?.type === 'ForStatement') return []
  const [from, to] = node['operator'] === '++' ? ['++', '--'] : ['--', '++']
  return [replaced(place, textOf(source, node).replace(from, to))]
}

function unaryFaults(place: Place): Fault[] {
  const { node, source } = place
  const argument = node['argument'] as Node
  const operator = node['operator'] as string
  if (isCondition(place) || (operator !== '!' && operator !== '-') || argument.type === 'Literal') return []
  return [replaced(place, textOf(source, argument))]
}

function literalFaults(place: Place): readonly Fault[] {
  const { node, around, source } = place
  const value = node['value']
  const isName = around[0]?.['key'] === node && around[0]['computed'] === false
  if (isName) return []
  if (typeof value === 'boolean') return [replaced(place, String(!value))]
  if (typeof value === 'bigint') return [replaced(place, `${value + 1n}n`)]
  if (typeof value === 'number') return [replaced(place, otherNumber(value))]
  if (typeof value !== 'string') return []
  if (around[0]?.type === 'SwitchCase') return [replaced(place, "''")]
  return sqlFaults(source, node.start, node.end)
}

/** One more of what counts; twice of what is long, since a limit of 30,001 ms is no fault. */
function otherNumber(value: number): string {
  return String(Math.abs(value) < 100 ? value + 1 : value * 2)
}

function arrayFaults(place: Place): Fault[] {
  const { node, around } = place
  const isEmpty = (node['elements'] as unknown[]).length === 0
  return isEmpty || around[0]?.type === 'ArrayExpression' ? [] : [replaced(place, '[]')]
}

/** `return await` outside of a `try` settles as `return` does. */
function awaitFaults(place: Place): Fault[] {
  const { node, around, source } = place
  const isReturned = around[0]?.type === 'ReturnStatement' || around[0]?.type === 'ArrowFunctionExpression'
  const inTry = around.some((outer) => outer.type === 'TryStatement')
  return isReturned && !inTry ? [] : [replaced(place, textOf(source, node['argument'] as Node))]
}

function callFaults(place: Place): Fault[] {
  const { node, source } = place
  const callee = node['callee'] as Node
  if (callee.type !== 'MemberExpression' || callee['computed'] === true) return []
  const [object, property] = [callee['object'] as Node, callee['property'] as Node]
  const name = textOf(source, property)
  if (DROPPED_CALLS.has(name)) return [replaced(place, textOf(source, object))]
  const other = OTHER_CALLS.get(name)
  if (other === undefined) return []
  return [replaced(place, source.slice(node.start, property.start) + other + source.slice(property.end, node.end))]
}

/** The condition turned round, and an early guard left out. */
function conditionFaults(place: Place): Fault[] {
  const { node, source } = place
  const test = node['test'] as Node
  const condition = { ...place, node: test }
  const plain = test.type === 'UnaryExpression' && test['operator'] === '!'
  const turned = plain ? textOf(source, test['argument'] as Node) : `!(${textOf(source, test)})`
  return isGuard(node) ? [replaced(condition, turned), replaced(place, ';')] : [replaced(condition, turned)]
}

function isGuard(node: Node): boolean {
  if (node.type !== 'IfStatement' || node['alternate'] !== null) return false
  const then = node['consequent'] as Node
  const last = then.type === 'BlockStatement' ? (then['body'] as Node[]).at(-1) : then
  return last !== undefined && LEAVING.has(last.type)
}

function removedStatement(place: Place): Fault[] {
  const { node, around } = place
  const isDirective = typeof node['directive'] === 'string'
  const inGuard = around.slice(0, 2).some(isGuard) && node.type === 'ThrowStatement'
  return isDirective || inGuard ? [] : [replaced(place, ';')]
}
