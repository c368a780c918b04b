// The roster: a set in all that is asked of it, and nothing that left it is kept.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Roster } from '../src/roster.ts'

test('has what was added and not deleted, whatever the order', () => {
  const acts = fc.array(fc.tuple(fc.boolean(), fc.nat(9)), { maxLength: 200 })
  fc.assert(
    fc.property(acts, (list) => {
      const members = Array.from({ length: 10 }, (_, id) => ({ id, place: -1 }))
      const roster = new Roster<(typeof members)[number]>()
      const model = new Set<number>()
      for (const [adds, id] of list) {
        const member = members[id]
        if (!member) continue
        if (!adds) expect(roster.delete(member)).toBe(model.delete(id))
        else if (!model.has(id)) {
          roster.add(member)
          model.add(id)
        }
        expect(roster.size).toBe(model.size)
        expect(
          roster
            .all()
            .map((each) => each.id)
            .sort(),
        ).toEqual([...model].sort())
        for (const each of members) expect(roster.has(each)).toBe(model.has(each.id))
      }
    }),
  )
})
