package dev.undertone

/** The interface of the library that this module was written for. */
private const val ABI = 1

/** Refuses a library with another interface than the one that this module was written for. */
internal fun checkLibrary(expected: Int = ABI) {
    val found = abiVersion().toInt()
    if (found == expected) return
    throw UndertoneException.Misuse(
        "misuse.library",
        "this module was made for version $expected of its library, which is $found: install both together",
    )
}
