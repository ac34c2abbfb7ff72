/** The files of a report, and how they take the place of those of an earlier proof. */
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { reportPage } from './report-page.ts'
import type { Report } from './report.ts'

/** Name to text. The page comes first: it is `report.json` that a project is held against. */
export function reportFiles(report: Report): Map<string, string> {
  return new Map([
    ['report.html', reportPage(report)],
    ['report.json', `${JSON.stringify(report, null, 2)}\n`],
  ])
}

/** Puts files into a project, each in the place of an older one: those stay until all of the new ones are whole on the disk. */
export async function replaceFiles(project: string, files: ReadonlyMap<string, string>): Promise<void> {
  const fresh = [...files].map(([name, text]) => ({
    text,
    path: join(project, name),
    part: join(project, `.${name}.${process.pid}.part`),
  }))
  try {
    for (const { part, text } of fresh) await writeDurably(part, text)
    for (const { part, path } of fresh) await rename(part, path)
  } finally {
    for (const { part } of fresh) await rm(part, { force: true })
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
