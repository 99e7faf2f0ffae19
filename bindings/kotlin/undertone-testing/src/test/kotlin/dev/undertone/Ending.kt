package dev.undertone

import kotlinx.coroutines.DelicateCoroutinesApi
import kotlinx.coroutines.GlobalScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import java.nio.file.Path
import java.util.concurrent.CountDownLatch
import kotlin.concurrent.thread
import kotlin.system.exitProcess

/** How a process ends. */
enum class End(val status: Int) {
    /** The main thread is over, and others that do not count go on. */
    RETURN(0),

    /** By the usual call, in the middle of everything. */
    EXIT(0),

    /** By the call that lets nobody tidy up. */
    HALT(7),

    /** By an error that nobody catches. */
    ERROR(1),
}

/** So many are confirmed by each of the threads before the process ends. */
internal const val CONFIRMED = 10
private const val THREADS = 4

internal fun storeAt(folder: Path): Store = Store.Sqlite(folder.toString(), 10_000u)

/** A program that sends from several threads without end, prints what is durable, and ends in the middle of that. */
@OptIn(DelicateCoroutinesApi::class)
fun main(words: Array<String>): Unit = runBlocking {
    Engines.open(storeAt(Path.of(words[0]))).shutDown()
    val chat = Undertone.open(Engines.config, storeAt(Path.of(words[0])), Engines.KEY)
    val talk = chat.conversations.start(UserId("bea"))
    val begun = CountDownLatch(THREADS)
    repeat(THREADS) { number -> thread(isDaemon = true) { send(chat.engine, talk, number, begun) } }
    GlobalScope.launch { chat.incoming().collect {} }
    GlobalScope.launch { while (true) chat.messages.page(talk, Cursor.Newest, 50u) }
    begun.await()
    when (End.valueOf(words[1])) {
        End.RETURN -> {}
        End.EXIT -> exitProcess(End.EXIT.status)
        End.HALT -> Runtime.getRuntime().halt(End.HALT.status)
        End.ERROR -> error("the program has a fault")
    }
}

private fun send(engine: Engine, talk: ConversationId, thread: Int, begun: CountDownLatch) {
    var number = 0
    while (true) {
        engine.messages().send(talk, Draft("$thread $number"))
        // What this gives rests on what was sent, which is durable then.
        engine.drain(1u)
        synchronized(System.out) { println("$thread $number") }
        if (number++ == CONFIRMED) begun.countDown()
    }
}
