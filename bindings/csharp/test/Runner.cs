using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Threading;

namespace Gossiperl.Tests
{
    /// <summary>A test: a static method without parameters, which throws where it fails.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    internal sealed class TestAttribute : Attribute
    {
    }

    /// <summary>Runs all tests, or those whose names contain the first argument. The last line is <c>N passed, N failed, N skipped</c>; the exit code is not 0 where one failed.</summary>
    internal static class Runner
    {
        /// <summary>Longer than any test takes on a machine that is up.</summary>
        private static readonly TimeSpan Long = TimeSpan.FromMinutes(3);

        private static int Main(string[] arguments)
        {
            if (arguments.Length > 0 && arguments[0] == Exiting.Argument)
            {
                return Exiting.Child();
            }
            int passed = 0;
            int failed = 0;
            IEnumerable<MethodInfo> tests = typeof(Runner).Assembly.GetTypes()
                .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public))
                .Where(method => method.GetCustomAttribute<TestAttribute>() != null)
                .Where(method => arguments.Length == 0 || method.Name.Contains(arguments[0]))
                .OrderBy(method => method.DeclaringType.Name + method.Name, StringComparer.Ordinal);
            foreach (MethodInfo test in tests)
            {
                Exception failure = Run(test);
                if (failure == null)
                {
                    passed++;
                }
                else
                {
                    failed++;
                    Console.WriteLine("!! " + test.DeclaringType.Name + "." + test.Name + ": " + failure);
                }
            }
            Daemon.StopShared();
            Console.WriteLine(passed + " passed, " + failed + " failed, 0 skipped");
            return failed == 0 ? 0 : 1;
        }

        private static Exception Run(MethodInfo test)
        {
            Exception failure = null;
            var thread = new Thread(() =>
            {
                try
                {
                    ((Action)Delegate.CreateDelegate(typeof(Action), test))();
                }
                catch (Exception exception)
                {
                    failure = exception;
                }
            });
            thread.IsBackground = true;
            thread.Start();
            return thread.Join(Long) ? failure : new TimeoutException("it did not end");
        }
    }

    /// <summary>What tests claim.</summary>
    internal static class Check
    {
        internal static void That(bool good, string otherwise)
        {
            if (!good)
            {
                throw new Exception(otherwise);
            }
        }

        internal static void Equal<T>(T wanted, T found)
        {
            That(EqualityComparer<T>.Default.Equals(wanted, found), "wanted " + wanted + ", found " + found);
        }

        internal static void Same<T>(IEnumerable<T> wanted, IEnumerable<T> found)
        {
            That(
                wanted.SequenceEqual(found),
                "wanted " + string.Join(", ", wanted.Take(100)) + ", found " + string.Join(", ", found.Take(100)));
        }

        internal static T Throws<T>(Action action)
            where T : Exception
        {
            try
            {
                action();
            }
            catch (T expected)
            {
                return expected;
            }
            catch (AggregateException several) when (several.InnerException is T)
            {
                return (T)several.InnerException;
            }
            throw new Exception("no " + typeof(T).Name);
        }

        /// <summary>Waits until something holds.</summary>
        internal static void Soon(string what, Func<bool> holds)
        {
            for (int tries = 0; tries < 3000; tries++)
            {
                if (holds())
                {
                    return;
                }
                Thread.Sleep(20);
            }
            throw new Exception("never: " + what);
        }
    }
}
