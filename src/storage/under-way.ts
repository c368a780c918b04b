// What is under way on a storage: acts that have not ended, for which its closing waits.
import { Roster, type Listed } from '../roster.ts'

interface Running extends Listed {
  done: Promise<unknown>
}

export class UnderWay {
  readonly #running = new Roster<Running>()

  /** Follows it to its end. */
  add<Result>(done: Promise<Result>): Promise<Result> {
    const running = { done, place: -1 }
    this.#running.add(running)
    const end = (): void => void this.#running.delete(running)
    done.then(end, end)
    return done
  }

  /** Resolves when all that is under way now has ended, however it did. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#running.all().map(({ done }) => done))
  }
}
