// Every code block of the README does what it promises.
import { afterAll, describe, expect, test } from 'vitest'
import { firstReadings } from './first-readings.ts'
import { guideReadings } from './guide-readings.ts'
import { readmeBlocks } from './readme.ts'
import type { Readings } from './reading.ts'
import { database, referenceReadings } from './reference-readings.ts'
import { makeScene } from './scene.ts'

const readings: Readings = { ...firstReadings, ...guideReadings, ...referenceReadings }
const blocks = readmeBlocks()
afterAll(() => database.close())

test('each block of the README has a test, and no test is for a block that went', () => {
  expect(Object.keys(readings).toSorted()).toEqual(blocks.map(({ name }) => name).toSorted())
})

describe.concurrent('in the README', () => {
  for (const block of blocks) {
    const reading = readings[block.name]
    if (!reading) continue
    const { promise, needs, run } = reading
    const one = () =>
      test(`${block.name} ${promise}`, async ({ onTestFinished }) => {
        await run(block, await makeScene(onTestFinished))
      })
    if (needs) describe.skipIf(!needs.isThere)(`where ${needs.name}`, one)
    else one()
  }
})
