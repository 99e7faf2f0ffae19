package dev.undertone.bench

import dev.undertone.Authority
import dev.undertone.Config
import dev.undertone.Cursor
import dev.undertone.Draft
import dev.undertone.Engine
import dev.undertone.MemoryDisk
import dev.undertone.Role
import dev.undertone.Store
import dev.undertone.UserId
import java.time.Duration
import java.time.Instant

private const val MESSAGES = 1_000
private const val ROUNDS = 15

/** Before these, the virtual machine still interprets and compiles what is timed. */
private const val WARM_UP = 15

/** What a call from Kotlin costs: nanoseconds for each of three calls, a line each, for `cargo xtask bindings bench`. */
fun main() {
    val engine = opened()
    val talk = engine.conversations().start(UserId("bea"))
    val messages = engine.messages()
    repeat(MESSAGES) { messages.send(talk, Draft("message $it")) }
    engine.drain(10_000u)
    println("trivial ${nanoseconds(20_000) { engine.device() }}")
    println("page ${nanoseconds(100) { messages.page(talk, Cursor.Newest, 50u) }}")
    println("drain ${median { drained() }}")
}

/** A client's engine, in memory. */
private fun opened(): Engine {
    val authority = Authority.fromSeed(ByteArray(32) { it.toByte() })
    val config = Config(UserId("ann"), authorities = listOf(authority.publicKey()))
    val engine = Engine.open(config, Store.Memory(MemoryDisk()), ByteArray(32))
    val now = Instant.now()
    val begin = now - Duration.ofMinutes(1)
    val request = engine.identity().enrolmentRequest()
    engine.identity().enrol(authority.issue(request, Role("client"), 1uL, begin, now + Duration.ofDays(90)))
    return engine
}

/** A thousand events at once. */
private fun drained(): Double {
    val engine = opened()
    val talk = engine.conversations().start(UserId("bea"))
    engine.drain(10_000u)
    val messages = engine.messages()
    repeat(MESSAGES) { messages.send(talk, Draft("message $it")) }
    val start = System.nanoTime()
    val count = engine.drain(MESSAGES.toUInt()).outputs.size
    val took = System.nanoTime() - start
    check(count == MESSAGES) { "$count events" }
    engine.shutDown()
    return took.toDouble()
}

/** Of one call. */
private fun nanoseconds(times: Int, call: () -> Any): Double = median {
    val start = System.nanoTime()
    repeat(times) { call() }
    (System.nanoTime() - start).toDouble() / times
}

/** The median of some rounds. */
private fun median(round: () -> Double): Double {
    repeat(WARM_UP) { round() }
    return List(ROUNDS) { round() }.sorted()[ROUNDS / 2]
}
