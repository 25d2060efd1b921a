package com.gossiperl.kotlin

import com.gossiperl.kotlin.generated.Failure
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.withContext
import kotlin.coroutines.ContinuationInterceptor

/** Runs the block, with the native library's errors as exceptions of ours. */
internal inline fun <T> guard(block: () -> T): T =
    try {
        block()
    } catch (failure: Failure.Failed) {
        throw exception(failure.kind, failure.text, failure.option, failure.code)
    }

/**
 * Runs a block that calls what waits in the native library, whose thread says that the waiting is over.
 *
 * A caller's code never goes on upon that thread, where it would hold up all clients: one whose dispatcher would let it, `Dispatchers.Unconfined`, goes on upon another.
 */
internal suspend fun <T> call(block: suspend () -> T): T {
    val context = currentCoroutineContext()
    val dispatcher = context[ContinuationInterceptor] as? CoroutineDispatcher
    return if (dispatcher != null && dispatcher.isDispatchNeeded(context)) {
        guard { block() }
    } else {
        withContext(Dispatchers.Default) { guard { block() } }
    }
}
