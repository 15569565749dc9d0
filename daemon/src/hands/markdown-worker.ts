import { parentPort, workerData } from 'node:worker_threads'
import { pageToMarkdown } from './page-to-markdown.ts'
import type { UnreadPage } from './to-markdown.ts'

// The thread behind `createToMarkdown`: reads one page, says so, and ends.
// oxlint-disable-next-line typescript/no-unsafe-assignment -- it comes from `createToMarkdown` and from nowhere else
const page: UnreadPage = workerData
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- between threads there is none
parentPort?.postMessage(pageToMarkdown(page))
