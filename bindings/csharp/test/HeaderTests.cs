using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;

namespace Gossiperl.Tests
{
    /// <summary>The declarations, which are written by hand, against gossiperl.h.</summary>
    internal static class HeaderTests
    {
        private const BindingFlags All = BindingFlags.Static | BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public;

        private static readonly string Header = Regex.Replace(
            File.ReadAllText(Environment.GetEnvironmentVariable("GOSSIPERL_H")), @"/\*.*?\*/|//[^\n]*", "", RegexOptions.Singleline);

        private static readonly Type Native = typeof(Client).Assembly.GetType("Gossiperl.Native", true);

        [Test]
        private static void EveryFunctionIsDeclaredAndNoOther()
        {
            var wanted = new SortedSet<string>(StringComparer.Ordinal);
            foreach (Match function in Functions())
            {
                wanted.Add(function.Groups[1].Value);
            }
            IEnumerable<string> declared = Native.GetMethods(All)
                .Where(method => (method.Attributes & MethodAttributes.PinvokeImpl) != 0)
                .Select(method => method.Name);
            Check.That(wanted.Count > 70, "only " + wanted.Count + " functions in the header");
            Check.Same(wanted, declared.OrderBy(name => name, StringComparer.Ordinal));
        }

        [Test]
        private static void ParametersHaveTheNamesOfTheHeaderInItsOrder()
        {
            foreach (Match function in Functions())
            {
                IEnumerable<string> wanted = function.Groups[2].Value.Split(',')
                    .Select(parameter => parameter.Trim())
                    .Where(parameter => parameter != "void")
                    .Select(LastWord);
                MethodInfo declared = Native.GetMethod(function.Groups[1].Value, All);
                Check.Same(wanted, declared.GetParameters().Select(parameter => parameter.Name));
            }
        }

        [Test]
        private static void StructuresHaveTheFieldsOfTheHeaderInItsOrder()
        {
            var structures = new Dictionary<string, string>
            {
                { "gossiperl_bytes", "Bytes" },
                { "gossiperl_member", "MemberData" },
                { "gossiperl_event", "EventData" },
                { "gossiperl_field", "FieldData" },
                { "gossiperl_completion", "CompletionData" },
            };
            int found = 0;
            foreach (Match structure in Regex.Matches(Header, @"typedef struct\s*\{([^}]*)\}\s*(\w+);"))
            {
                IEnumerable<string> wanted = structure.Groups[1].Value.Split(';')
                    .Select(field => field.Trim())
                    .Where(field => field.Length > 0)
                    .Select(LastWord);
                Type declared = Native.GetNestedType(structures[structure.Groups[2].Value], All);
                Check.Same(wanted, declared.GetFields(All).OrderBy(field => field.MetadataToken).Select(field => field.Name));
                found++;
            }
            Check.Equal(structures.Count, found);
        }

        [Test]
        private static void NumbersAreThoseOfTheHeader()
        {
            Numbers<ErrorKind>("RESULT");
            Numbers<EventKind>("EVENT_KIND");
            Numbers<FieldKind>("FIELD_KIND");
            Numbers<MemberKind>("MEMBER_KIND");
            Numbers<MemberState>("MEMBER_STATE");
            Numbers<MemberChange>("MEMBER_CHANGE");
            Numbers<ClientState>("STATE");
        }

        private static void Numbers<T>(string prefix)
        {
            foreach (T value in Enum.GetValues(typeof(T)))
            {
                int number = Convert.ToInt32(value);
                string name = Regex.Replace(value.ToString(), "(?<=[a-z])([A-Z])", "_$1").ToUpperInvariant();
                bool none = typeof(T) == typeof(MemberChange) && number == 0;
                string wanted = "GOSSIPERL_" + prefix + "_" + (none ? "NONE" : name) + " = " + number;
                Check.That(Header.Contains(wanted + ",") || Header.Contains(wanted + "\n"), "no " + wanted);
            }
        }

        private static MatchCollection Functions()
        {
            return Regex.Matches(Header, @"\b(gossiperl_\w+)\s*\(([^)]*)\)\s*;");
        }

        private static string LastWord(string declaration)
        {
            return Regex.Match(declaration, @"(\w+)$").Value;
        }
    }
}
